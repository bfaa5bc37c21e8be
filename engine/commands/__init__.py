"""The commands of the command line, a module for each thing that a person does."""
