"""The parts of roce-lab: what to boot (kernel, initramfs, topology), how (accel, qemu, supervisor), and how to talk to it."""
