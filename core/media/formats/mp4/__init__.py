"""MP4 and MOV: boxes, index, edit lists, fragments (ISO/IEC 14496-12)."""
