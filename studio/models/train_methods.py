"""The methods that a person chooses from in Train, as people call them, and the settings to start from."""

METHODS = {  # method -> (what people call it, a plain word on it)
    "basis": ("Shared parts", "Small and quick, and its parts can be swapped and mixed. The best choice for most."),
    "semantic": ("One network per part", "Each part of each shape is a network of its own. Needs named parts; slower."),
    "hyperdiffusion": ("One network per shape", "Each shape is one network, as published. Without parts; slow."),
    "tiny3d": (
        "Clouds from words",
        "Clouds of points that words describe. Quick to fit; their parts are found afterwards.",
    ),
}
PRESETS = {
    "basis": {"tiny": "Quick", "full": "Thorough"},
    "semantic": {"tiny": "Quick", "paper": "As published"},
    "hyperdiffusion": {"tiny": "Quick", "paper": "As published"},
    "tiny3d": {"tiny": "Quick", "small": "Thorough", "paper": "As published"},
}
CLOUDS = "tiny3d"  # the method whose shapes are clouds
WITHOUT_PARTS = ("hyperdiffusion", CLOUDS)  # methods that do not look at parts
OF_TRAINING = ("denoiser", "train", "sampler")  # settings that a fit does not look at
