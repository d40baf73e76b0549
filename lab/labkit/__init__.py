"""The parts of roce-lab.

What to boot: kernel, initramfs, topology, nodefiles. How: accel, qemu, supervisor, hub. Talking to it: frames, client.
"""
