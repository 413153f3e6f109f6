"""MPEG-TS and M2TS: packets, tables, times (ISO/IEC 13818-1)."""
