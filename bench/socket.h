/* What the load generator and the control server share: addresses, sockets,
 * clocks. Linux only (epoll, abstract Unix names). */
#ifndef BENCH_SOCKET_H
#define BENCH_SOCKET_H

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static inline void fail(const char *what, const char *detail) {
  fprintf(stderr, "%s: %s\n", what, detail);
  exit(2);
}

typedef struct {
  struct sockaddr_storage socket;
  socklen_t length;
} address_t;

static inline address_t unix_address(const char *path) {
  address_t address = {0};
  struct sockaddr_un *un = (struct sockaddr_un *)&address.socket;
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof un->sun_path) fail("Bad path", path);
  un->sun_family = AF_UNIX;
  memcpy(un->sun_path, path, length);
  address.length = offsetof(struct sockaddr_un, sun_path) + length;
  if (path[0] == '@') un->sun_path[0] = 0; /* abstract: no NUL at its end */
  else address.length += 1;
  return address;
}

/* tcp://host:port, tcp://[v6]:port, tcp://:port (loopback), unix:/path,
 * unix:///path, unix:@name */
static inline address_t parse_address(const char *text) {
  if (strncmp(text, "unix:", 5) == 0) {
    const char *path = text + 5;
    return unix_address(strncmp(path, "///", 3) == 0 ? path + 2 : path);
  }
  if (strncmp(text, "tcp://", 6) != 0) fail("Not tcp:// or unix:", text);
  char host[256];
  const char *colon = strrchr(text + 6, ':');
  if (!colon || colon - (text + 6) >= (long)sizeof host) {
    fail("No port in", text);
  }
  size_t length = (size_t)(colon - (text + 6));
  const char *start = text + 6;
  if (length >= 2 && start[0] == '[' && start[length - 1] == ']') {
    start += 1;
    length -= 2;
  }
  memcpy(host, start, length);
  host[length] = 0;
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  int code = getaddrinfo(length ? host : "127.0.0.1", colon + 1, &hints, &found);
  if (code != 0) fail(text, gai_strerror(code));
  address_t address = {0};
  memcpy(&address.socket, found->ai_addr, found->ai_addrlen);
  address.length = found->ai_addrlen;
  freeaddrinfo(found);
  return address;
}

static inline int open_socket(const address_t *address) {
  int fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("Cannot open a socket", strerror(errno));
  return fd;
}

static inline void no_delay(int fd) {
  int one = 1; /* fails on Unix sockets, which have no delay */
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static inline void non_blocking(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static inline void raise_descriptor_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static inline int64_t clock_ns(clockid_t clock) {
  struct timespec t;
  if (clock_gettime(clock, &t) != 0) return 0;
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

#endif
