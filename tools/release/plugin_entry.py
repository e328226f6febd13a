"""The program that PyInstaller packs: `kubectl wfreport` for machines without Python."""

from wfreport.__main__ import plugin

if __name__ == "__main__":
    plugin()
