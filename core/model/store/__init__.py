"""Catalogue, download and installation of models."""
