"""Matroska and WebM: elements, clusters, blocks (RFC 8794, RFC 9559)."""
