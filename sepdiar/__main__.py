"""`python -m sepdiar` is `sepdiar`."""

from sepdiar.cli import main

if __name__ == "__main__":
    main()
