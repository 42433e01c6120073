"""`python -m generate`: write every file that is stale."""

from generate.outputs import ROOT, outputs


def main() -> None:
    """Write what differs, and name it."""
    for name, text in outputs().items():
        path = ROOT / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(name)


if __name__ == "__main__":
    main()
