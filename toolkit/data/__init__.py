"""Digits as arrays, checked and split, and fastai DataLoaders made of them."""
