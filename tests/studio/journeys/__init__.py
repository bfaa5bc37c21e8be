"""What people do with the whole program, from the outside: real engines, real clicks and keys, pictures at every station."""
