"""Widgets bound to models. No view imports another view."""
