#!/usr/bin/env python3
"""What roce-probe reads of the GPUs agrees with nvidia-smi."""

import json
import os
import shutil
import subprocess
import unittest
from pathlib import Path

PROBE = Path(os.environ.get("ROCEKIT_BUILD_DIR", Path(__file__).resolve().parents[2] / "build")) / "bin" / "roce-probe"


def nvidia_smi() -> list[dict[str, str]]:
    if not shutil.which("nvidia-smi"):
        return []
    fields = ("pci.bus_id", "name", "compute_cap", "driver_version")
    answer = subprocess.run(["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"],
                            capture_output=True, text=True, timeout=60, check=False)
    if answer.returncode != 0:
        return []
    return [dict(zip(fields, (value.strip() for value in line.split(",")))) for line in answer.stdout.splitlines()]


GPUS = nvidia_smi()


@unittest.skipUnless(GPUS, "no GPU here: nvidia-smi is missing or lists none")
class GpuFacts(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        answer = subprocess.run([PROBE, "--json"], capture_output=True, text=True, timeout=120, check=False)
        cls.host = json.loads(answer.stdout)["hosts"][0]

    def test_every_gpu_is_listed_by_its_pci_address(self) -> None:
        # nvidia-smi writes an eight-digit domain in capitals.
        expected = sorted(gpu["pci.bus_id"].lower()[-12:] for gpu in GPUS)
        self.assertEqual(sorted(gpu["pci_address"] for gpu in self.host["gpus"]), expected)

    def test_names_and_compute_capabilities_agree(self) -> None:
        expected = sorted((gpu["name"], gpu["compute_cap"]) for gpu in GPUS)
        self.assertEqual(sorted((gpu["name"], gpu["compute_capability"]) for gpu in self.host["gpus"]), expected)

    def test_driver_version_agrees(self) -> None:
        self.assertEqual(self.host["nvidia_driver"], GPUS[0]["driver_version"])

    def test_attributes_that_decide_gpudirect_were_read(self) -> None:
        for gpu in self.host["gpus"]:
            for attribute in ("integrated", "gpu_direct_rdma_supported", "dma_buf_supported"):
                self.assertIsInstance(gpu[attribute], bool, gpu)


if __name__ == "__main__":
    unittest.main()
