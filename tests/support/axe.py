"""axe-core, which looks at a page for what keeps people out: one version, known by its checksum."""

import base64
import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

VERSION = '4.10.3'
SHA512 = 'Xm7bpRXnDSX2YE2YFfBk2FnF0ep6tmG7xPh8iHee8MIcrgq762Nkce856dYtJYLkuIoYZvGfTs/PbZhideTcEg=='
PATIENCE = 60.0  # seconds for the download
RUN = """
const [without, done] = arguments;
const rules = Object.fromEntries(without.map(name => [name, {enabled: false}]));
axe.run(document, {resultTypes: ['violations'], rules}).then(found => done(found.violations
  .filter(each => ['serious', 'critical'].includes(each.impact))
  .map(each => [each.id, each.nodes.slice(0, 4)
    .map(node => node.html.slice(0, 200) + node.failureSummary)])
), error => done([String(error)]));
"""


def axe_core(folder: Path) -> str:
    """Its JavaScript, from npm; where that is not to be had, the test is skipped and says so."""
    npm = shutil.which('npm')
    if not npm:
        pytest.skip('npm is missing, so axe-core has not looked at the page')
    command = [npm, 'pack', f'axe-core@{VERSION}', '--silent', f'--pack-destination={folder}']
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=PATIENCE)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip(f'npm could not fetch axe-core {VERSION}, so it has not looked at the page')
    packed = folder / f'axe-core-{VERSION}.tgz'
    digest = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
    assert digest == SHA512, f'axe-core {VERSION} is not what it was'
    with tarfile.open(packed) as package:
        script = package.extractfile('package/axe.min.js')
        assert script
        return script.read().decode()
