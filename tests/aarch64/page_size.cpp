// Prints the page size that this process sees.
#include <unistd.h>

#include <cstdio>

int main() { std::printf("%ld\n", sysconf(_SC_PAGESIZE)); }
