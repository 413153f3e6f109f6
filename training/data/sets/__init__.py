"""Lists of clips: the published data sets, and any folder."""
