"""The pictures that tools show beside their form."""
