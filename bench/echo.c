/* The control: an epoll echo server in C, one thread. What the load generator
 * reaches here is what it can ask of a server.
 *
 *   echo ADDRESS        prints "listening <address> <pid>" */
#include "socket.h"

#include <arpa/inet.h>

enum { CHUNK = 65536, EVENTS = 256 };

typedef struct {
  int fd;
  size_t from, to; /* what the kernel did not take yet, in `rest` */
  uint8_t *rest;   /* NULL until the first partial send */
} connection_t;

static int poller;
static uint8_t chunk[CHUNK];

static void want(connection_t *c, uint32_t events, int operation) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  if (epoll_ctl(poller, operation, c->fd, &event) != 0) {
    fail("epoll_ctl", strerror(errno));
  }
}

static void drop(connection_t *c) {
  close(c->fd);
  free(c->rest);
  free(c);
}

/* How many bytes were taken, -1 if the peer has gone. */
static ssize_t offer(int fd, const uint8_t *bytes, size_t length) {
  ssize_t taken = send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (taken >= 0) return taken;
  return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static void on_readable(connection_t *c) {
  ssize_t got = recv(c->fd, chunk, CHUNK, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return drop(c); /* all was echoed before: reading stops else */
  ssize_t taken = offer(c->fd, chunk, (size_t)got);
  if (taken < 0) return drop(c);
  if (taken == got) return;
  if (!c->rest && !(c->rest = malloc(CHUNK))) fail("malloc", "no memory");
  c->from = 0;
  c->to = (size_t)(got - taken);
  memcpy(c->rest, chunk + taken, c->to);
  want(c, EPOLLOUT, EPOLL_CTL_MOD);
}

static void on_writable(connection_t *c) {
  ssize_t taken = offer(c->fd, c->rest + c->from, c->to - c->from);
  if (taken < 0) return drop(c);
  c->from += (size_t)taken;
  if (c->from < c->to) return;
  c->from = c->to = 0;
  want(c, EPOLLIN, EPOLL_CTL_MOD);
}

static void on_connection(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return; /* the queue is empty, or a client has gone again */
    no_delay(fd);
    connection_t *c = calloc(1, sizeof *c);
    if (!c) fail("calloc", "no memory");
    c->fd = fd;
    want(c, EPOLLIN, EPOLL_CTL_ADD);
  }
}

int main(int argc, char **argv) {
  if (argc != 2) fail("Usage", "echo ADDRESS");
  raise_descriptor_limit();
  address_t address = parse_address(argv[1]);
  int listener = open_socket(&address);
  int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address.socket, address.length) != 0 ||
      listen(listener, 511) != 0) {
    fail(argv[1], strerror(errno));
  }
  non_blocking(listener);
  poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
  if (address.socket.ss_family == AF_INET) {
    struct sockaddr_in in;
    socklen_t length = sizeof in;
    getsockname(listener, (struct sockaddr *)&in, &length);
    printf("listening tcp://%s:%d %d\n", inet_ntoa(in.sin_addr),
           ntohs(in.sin_port), getpid());
  } else {
    printf("listening %s %d\n", argv[1], getpid());
  }
  fflush(stdout);
  for (;;) {
    struct epoll_event events[EVENTS];
    int n = epoll_wait(poller, events, EVENTS, -1);
    for (int i = 0; i < n; i++) {
      connection_t *c = events[i].data.ptr;
      if (!c) on_connection(listener);
      else if (events[i].events & EPOLLOUT) on_writable(c);
      else on_readable(c);
    }
  }
}
