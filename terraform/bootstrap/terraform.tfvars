# The repository on GitHub whose workflows may plan and apply. Set yours: the value below is refused.
repository = "owner/name, as on GitHub"

# If the repository was created, renamed or transferred after 15 July 2026, its tokens also contain these:
#   gh api repos/OWNER/NAME --jq '.owner.id, .id'
# repository_owner_id = "123456"
# repository_id       = "456789"
