"""Flash Video: tags (Adobe FLV specification 10.1)."""
