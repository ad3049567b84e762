#!/usr/bin/env bash
# Makes config/crd and the chart's CRDs from the Swift types of SluiceAPI, by what `sluice crds` prints.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

swift build --product sluice >&2
printed=$(mktemp)
trap 'rm -f "$printed"' EXIT
.build/debug/sluice crds >"$printed"

# One file a CRD, named group_plural.yaml as kubebuilder has it.
python3 - "$printed" <<'PYTHON'
import re
import sys
from pathlib import Path

directory = Path("config/crd")
documents = {}
for text in re.split(r"^---\s*$", Path(sys.argv[1]).read_text(), flags=re.MULTILINE):
    if not text.strip():
        continue
    name = re.search(r"^metadata:\n(?:  .*\n)*?  name: \"?([a-z]+)\.([a-z.]+)\"?$", text, flags=re.MULTILINE)
    if not name:
        sys.exit("generate-crds: expected metadata.name in every document of `sluice crds`")
    documents[f"{name.group(2)}_{name.group(1)}.yaml"] = text.strip("\n") + "\n"
if not documents:
    sys.exit("generate-crds: `sluice crds` printed nothing")
directory.mkdir(parents=True, exist_ok=True)
for path in directory.glob("*.yaml"):
    path.unlink()
for name, text in documents.items():
    (directory / name).write_text(text)
resources = "".join(f"  - {name}\n" for name in sorted(documents))
(directory / "kustomization.yaml").write_text(
    f"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n{resources}"
)
PYTHON

hack/sync-chart-crds.py
