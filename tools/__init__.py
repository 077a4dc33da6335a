"""Tools that build and check the book. No part of the package."""
