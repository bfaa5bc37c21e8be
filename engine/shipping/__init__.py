"""How the models that come with the program are made: `engine.shipped` is where they are found."""
