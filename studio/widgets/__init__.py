"""Small widgets that know no models: what several views are built from."""
