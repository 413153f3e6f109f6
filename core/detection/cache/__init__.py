"""Detections and visual features kept on the disk."""
