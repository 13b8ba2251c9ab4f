# The repository on GitHub whose workflows may plan and apply. As it stands here, it is refused: put your own.
repository = "owner/name, as on GitHub"
