"""Detection by a synchronization network of 21 classes."""
