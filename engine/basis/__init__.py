"""Part codes on a shared field: frames of parts, points in them, experts, fitting, and the representation."""
