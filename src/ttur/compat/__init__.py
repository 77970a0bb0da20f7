"""OTHER TOOLS' CALLS. One import changes, the code stays, and the number is theirs."""
