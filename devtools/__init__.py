"""What `./hub` is made of: set-up, test, lint and demo of the addon. Not part of the addon itself."""
