/* Seeded random bytes: a stream for each seed and connection, which can be
 * produced from any offset, so that neither side keeps what it sent. */
#ifndef BENCH_BYTES_H
#define BENCH_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { CHUNK = 65536 };

/* The finaliser of SplitMix64 (Steele, Lea and Flood, 2014). */
static inline uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* Bytes [offset, offset + length) of a stream; length is at most CHUNK, and
 * `into` has 16 bytes more. The result is where they start in `into`. */
static inline uint8_t *produce(uint8_t *into, long seed, long stream,
                               uint64_t offset, size_t length) {
  const uint64_t step = 0x9e3779b97f4a7c15u;
  uint64_t base = mix((uint64_t)seed * step + (uint64_t)stream + 1);
  uint64_t word = offset / 8;
  for (size_t at = 0; at < length + offset % 8; at += 8, word++) {
    uint64_t value = mix(base + word * step);
    memcpy(into + at, &value, 8);
  }
  return into + offset % 8;
}

#endif
