/* The load generator: one thread, epoll.
 *
 *   load ADDRESS [--connections 64] [--size 64] [--depth 1] [--seconds 1]
 *                [--warmup 0.5] [--verify] [--pid N]
 *     Each connection keeps `depth` messages of `size` bytes under way at an
 *     echo server. Prints one JSON line. With --verify every byte of the
 *     answers is compared; with --pid the server's processor time is measured.
 *
 *   load ADDRESS --exact [--connections 512] [--kib 64] [--seed 1]
 *                [--stall MS] [--timeout 60]
 *     All connections are opened, then each sends `kib` KiB of bytes of its
 *     own, checks every byte of the echo, ends its direction and expects the
 *     peer's end there: not sooner, not later. With --stall every second one
 *     does not read for so long. Prints one JSON line.
 *
 * Exit status: 0; 1 if a byte was wrong, missing or too many, or a connection
 * failed; 2 if it could not be tried. */
#include "bytes.h"
#include "socket.h"

#include <stdbool.h>

enum { EVENTS = 512, MAX_DEPTH = 64 };

typedef struct {
  const char *address;
  long connections, size, depth, kib, seed, stall, pid;
  double seconds, warmup, timeout;
  bool verify, exact;
} options_t;

typedef enum { OPEN, EXACT, MISMATCHED, SHORT, LONG, FAILED } fate_t;

typedef struct {
  int fd;
  long index;
  uint64_t sent, received;
  bool writable_wanted, stalled, ended;
  fate_t fate;
  int64_t started[MAX_DEPTH]; /* when message k was sent, at k % depth */
} connection_t;

static options_t options;
static connection_t *connections;
static int poller;
static uint8_t inbox[CHUNK], outbox[CHUNK + 16], expected[CHUNK + 16];
static char first_fault[256];

/* ---- faults ---- */

static void note(const connection_t *c, const char *what, uint64_t at) {
  if (first_fault[0]) return;
  snprintf(first_fault, sizeof first_fault, "connection %ld: %s at byte %llu",
           c->index, what, (unsigned long long)at);
}

/* Compares what arrived with what that part of the stream must be. */
static bool matches(connection_t *c, size_t length) {
  const uint8_t *right =
      produce(expected, options.seed, c->index, c->received, length);
  if (memcmp(right, inbox, length) == 0) return true;
  size_t i = 0;
  while (right[i] == inbox[i]) i++;
  note(c, "a wrong byte", c->received + i);
  return false;
}

/* ---- connections ---- */

static void want(connection_t *c, int operation) {
  uint32_t events = (c->stalled ? 0 : EPOLLIN) |
                    (c->writable_wanted ? EPOLLOUT : 0) |
                    (options.exact ? 0 : EPOLLET);
  struct epoll_event event = {.events = events, .data.ptr = c};
  if (epoll_ctl(poller, operation, c->fd, &event) != 0) {
    fail("epoll_ctl", strerror(errno));
  }
}

static void want_writable(connection_t *c, bool on) {
  if (c->writable_wanted == on) return;
  c->writable_wanted = on;
  want(c, EPOLL_CTL_MOD);
}

static void open_connections(void) {
  address_t address = parse_address(options.address);
  struct timeval patience = {.tv_sec = 10}; /* bounds connect(2) as well */
  connections = calloc((size_t)options.connections, sizeof *connections);
  if (!connections) fail("calloc", "no memory");
  for (long i = 0; i < options.connections; i++) {
    connection_t *c = &connections[i];
    c->index = i;
    c->fd = open_socket(&address);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(c->fd, (struct sockaddr *)&address.socket, address.length)) {
      fail(options.address, strerror(errno));
    }
    no_delay(c->fd);
    non_blocking(c->fd);
    c->stalled = options.stall > 0 && i % 2 == 1;
    want(c, EPOLL_CTL_ADD);
  }
}

/* ---- the timed mode ---- */

/* Latencies in a histogram with 32 steps for each power of two: within 3 %. */
enum { STEPS = 32, BUCKETS = 40 * STEPS };
static uint64_t histogram[BUCKETS];
static uint64_t messages;

static void record(int64_t ns) {
  uint64_t v = ns < STEPS ? STEPS : (uint64_t)ns;
  int shift = 63 - __builtin_clzll(v) - 5; /* v >> shift is in [32, 64) */
  size_t bucket = (size_t)shift * STEPS + (v >> shift) - STEPS;
  histogram[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
  messages++;
}

static double percentile_us(double share) {
  uint64_t target = (uint64_t)((double)messages * share), seen = 0;
  for (size_t b = 0; b < BUCKETS; b++) {
    seen += histogram[b];
    if (seen > target) {
      return (double)((b % STEPS + STEPS) << (b / STEPS)) / 1000;
    }
  }
  return 0;
}

static void give_up(const connection_t *c, const char *what) {
  fprintf(stderr, "%s: connection %ld after %llu bytes: %s\n", options.address,
          c->index, (unsigned long long)c->received, what);
  exit(1);
}

/* Sends until `depth` messages are under way or the kernel takes no more. */
static void pump(connection_t *c, int64_t now) {
  uint64_t size = (uint64_t)options.size;
  uint64_t limit = (c->received / size + (uint64_t)options.depth) * size;
  while (c->sent < limit) {
    uint64_t within = c->sent % size;
    if (within == 0) c->started[c->sent / size % options.depth] = now;
    uint64_t left = limit - c->sent;
    if (options.depth > 1 && left > size - within) left = size - within;
    size_t length = left < CHUNK ? left : CHUNK;
    uint8_t *bytes = outbox;
    if (options.verify) {
      bytes = produce(outbox, options.seed, c->index, c->sent, length);
    }
    ssize_t taken = send(c->fd, bytes, length, MSG_NOSIGNAL);
    if (taken < 0 && errno != EAGAIN) give_up(c, strerror(errno));
    if (taken > 0) c->sent += (uint64_t)taken;
    if (taken < (ssize_t)length) return want_writable(c, true);
  }
  want_writable(c, false);
}

static void receive(connection_t *c, bool more) {
  for (;;) {
    ssize_t got = recv(c->fd, inbox, CHUNK, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) give_up(c, strerror(errno));
    if (got == 0 && c->received < c->sent) give_up(c, "the server ended it");
    if (got == 0) {
      c->ended = true;
      return;
    }
    if (options.verify && !matches(c, (size_t)got)) give_up(c, first_fault);
    uint64_t size = (uint64_t)options.size, before = c->received / size;
    c->received += (uint64_t)got;
    if (c->received > c->sent) give_up(c, "more came back than was sent");
    if (more && c->received / size > before) {
      int64_t now = now_ns();
      for (uint64_t k = before; k < c->received / size; k++) {
        record(now - c->started[k % options.depth]);
      }
      pump(c, now);
    }
    /* Edge-triggered: a short read has emptied the socket, see epoll(7); but
     * the end may stand behind those bytes, with no edge of its own. */
    if (got < CHUNK && more) return;
  }
}

/* Serves events until `end`; with `more`, echoed messages are followed by
 * others. */
static void run_until(int64_t end, bool more, long *open) {
  struct epoll_event events[EVENTS];
  int idle = 0;
  while (now_ns() < end && (!open || *open > 0)) {
    int n = epoll_wait(poller, events, EVENTS, 100);
    idle = n == 0 ? idle + 1 : 0;
    if (idle == 50) give_up(&connections[0], "nothing came for 5 s");
    for (int i = 0; i < n; i++) {
      connection_t *c = events[i].data.ptr;
      if (c->writable_wanted && more) pump(c, now_ns());
      if (!(events[i].events & ~(uint32_t)EPOLLOUT) || c->ended) continue;
      receive(c, more);
      if (c->ended && open) *open -= 1;
    }
  }
}

/* Ends each direction, takes what is under way, and expects the peer's end. */
static void end_cleanly(void) {
  long open = options.connections;
  for (long i = 0; i < options.connections; i++) {
    shutdown(connections[i].fd, SHUT_WR);
    receive(&connections[i], false);
    if (connections[i].ended) open--;
  }
  run_until(now_ns() + 5000000000, false, &open);
  if (open > 0) {
    fprintf(stderr, "%s: %ld connections saw no end\n", options.address, open);
    exit(1);
  }
}

static int timed(void) {
  int64_t start = now_ns();
  for (long i = 0; i < options.connections; i++) pump(&connections[i], start);
  run_until(start + (int64_t)(options.warmup * 1e9), true, NULL);
  clockid_t server;
  bool known = options.pid > 0 &&
               clock_getcpuclockid((pid_t)options.pid, &server) == 0;
  memset(histogram, 0, sizeof histogram);
  messages = 0;
  int64_t server_cpu = known ? clock_ns(server) : 0;
  int64_t own_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), from = now_ns();
  run_until(from + (int64_t)(options.seconds * 1e9), true, NULL);
  double ns = (double)(now_ns() - from);
  own_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - own_cpu;
  server_cpu = known ? clock_ns(server) - server_cpu : 0;
  uint64_t counted = messages;
  double p50 = percentile_us(0.5), p99 = percentile_us(0.99);
  end_cleanly();
  printf("{\"connections\":%ld,\"size\":%ld,\"depth\":%ld,\"seconds\":%.3f,"
         "\"messages\":%llu,\"msgsPerSecond\":%.0f,\"mbPerSecond\":%.2f,"
         "\"p50us\":%.1f,\"p99us\":%.1f,\"loadCpu\":%.3f",
         options.connections, options.size, options.depth, ns / 1e9,
         (unsigned long long)counted, (double)counted / ns * 1e9,
         (double)counted * (double)options.size / ns * 1e3, p50, p99,
         (double)own_cpu / ns);
  if (known && counted > 0) {
    printf(",\"serverCpu\":%.3f,\"serverUsPerMessage\":%.3f",
           (double)server_cpu / ns, (double)server_cpu / (double)counted / 1e3);
  }
  printf(",\"verified\":%s}\n", options.verify ? "true" : "false");
  return 0;
}

/* ---- the exact mode ---- */

static long undecided;

static void decide(connection_t *c, fate_t fate) {
  c->fate = fate;
  undecided--;
  close(c->fd);
}

/* Writes of 1 byte to 64 KiB, by the seed, so that edges fall anywhere. */
static size_t next_write(const connection_t *c, uint64_t left) {
  uint64_t z = mix((uint64_t)options.seed ^ mix((uint64_t)c->index) ^ c->sent);
  size_t length = 1 + (z >> 8) % ((size_t)1 << (z % 17));
  return length < left ? length : left;
}

static void exact_send(connection_t *c, uint64_t total) {
  while (c->sent < total) {
    size_t length = next_write(c, total - c->sent);
    uint8_t *bytes =
        produce(outbox, options.seed, c->index, c->sent, length);
    ssize_t taken = send(c->fd, bytes, length, MSG_NOSIGNAL);
    if (taken < 0 && errno == EAGAIN) return want_writable(c, true);
    if (taken < 0) {
      note(c, strerror(errno), c->sent);
      return decide(c, FAILED);
    }
    c->sent += (uint64_t)taken;
  }
  want_writable(c, false);
  if (shutdown(c->fd, SHUT_WR) != 0) {
    note(c, "shutdown failed", c->sent);
    decide(c, FAILED);
  }
}

static void exact_receive(connection_t *c, uint64_t total) {
  ssize_t got = recv(c->fd, inbox, CHUNK, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got < 0) {
    note(c, strerror(errno), c->received);
    return decide(c, FAILED);
  }
  if (got == 0) {
    if (c->received < total) note(c, "the end came early", c->received);
    return decide(c, c->received == total ? EXACT : SHORT);
  }
  if (c->received + (uint64_t)got > c->sent) {
    note(c, "more came back than was sent", c->sent);
    return decide(c, LONG);
  }
  if (!matches(c, (size_t)got)) return decide(c, MISMATCHED);
  c->received += (uint64_t)got;
}

static void end_stalls(void) {
  for (long i = 1; i < options.connections; i += 2) {
    connection_t *c = &connections[i];
    c->stalled = false;
    if (c->fate == OPEN) want(c, EPOLL_CTL_MOD);
  }
}

static int exact_result(double seconds) {
  static const char *names[] = {"unfinished", "exact", "mismatched",
                                "short",      "long",  "failed"};
  long counts[6] = {0};
  uint64_t sent = 0, checked = 0;
  for (long i = 0; i < options.connections; i++) {
    counts[connections[i].fate]++;
    sent += connections[i].sent;
    checked += connections[i].received;
    if (connections[i].fate == OPEN) {
      note(&connections[i], "nothing more came", connections[i].received);
    }
  }
  printf("{\"mode\":\"exact\",\"connections\":%ld,\"kib\":%ld,\"seed\":%ld,"
         "\"seconds\":%.3f,\"bytesSent\":%llu,\"bytesChecked\":%llu",
         options.connections, options.kib, options.seed, seconds,
         (unsigned long long)sent, (unsigned long long)checked);
  for (int f = 0; f < 6; f++) printf(",\"%s\":%ld", names[f], counts[f]);
  if (first_fault[0]) printf(",\"firstFault\":\"%s\"", first_fault);
  printf("}\n");
  return counts[EXACT] == options.connections ? 0 : 1;
}

static int exact(void) {
  uint64_t total = (uint64_t)options.kib * 1024;
  int64_t start = now_ns(), end = start + (int64_t)(options.timeout * 1e9);
  int64_t stalled_until = start + options.stall * 1000000;
  bool stalling = options.stall > 0;
  undecided = options.connections;
  for (long i = 0; i < options.connections; i++) {
    exact_send(&connections[i], total);
  }
  struct epoll_event events[EVENTS];
  while (undecided > 0 && now_ns() < end) {
    if (stalling && now_ns() >= stalled_until) {
      stalling = false;
      end_stalls();
    }
    int n = epoll_wait(poller, events, EVENTS, stalling ? 1 : 100);
    for (int i = 0; i < n; i++) {
      connection_t *c = events[i].data.ptr;
      if (c->writable_wanted && events[i].events & ~(uint32_t)EPOLLIN) {
        exact_send(c, total);
      }
      if (c->fate != OPEN || !(events[i].events & ~(uint32_t)EPOLLOUT)) continue;
      exact_receive(c, total);
    }
  }
  return exact_result((double)(now_ns() - start) / 1e9);
}

/* ---- options ---- */

static double number(const char *name, const char *text, double least) {
  char *end;
  double value = text ? strtod(text, &end) : 0;
  if (!text || !*text || *end || !(value >= least && value <= 1e9)) {
    fail("Bad value of", name);
  }
  return value;
}

static void parse_options(int argc, char **argv) {
  options = (options_t){.size = 64, .depth = 1, .kib = 64, .seed = 1,
                        .seconds = 1, .warmup = 0.5, .timeout = 60};
  for (int i = 1; i < argc; i++) {
    const char *name = argv[i], *value = argv[i + 1];
    if (name[0] != '-') options.address = name;
    else if (!strcmp(name, "--verify")) options.verify = true;
    else if (!strcmp(name, "--exact")) options.exact = true;
    else {
      struct { const char *name; long *to; long least; } longs[] = {
          {"--connections", &options.connections, 1}, {"--size", &options.size, 1},
          {"--depth", &options.depth, 1}, {"--kib", &options.kib, 0},
          {"--seed", &options.seed, 0}, {"--stall", &options.stall, 0},
          {"--pid", &options.pid, 1}};
      struct { const char *name; double *to; } doubles[] = {
          {"--seconds", &options.seconds}, {"--warmup", &options.warmup},
          {"--timeout", &options.timeout}};
      bool known = false;
      for (size_t k = 0; k < sizeof longs / sizeof *longs; k++) {
        if (strcmp(name, longs[k].name)) continue;
        *longs[k].to = (long)number(name, value, (double)longs[k].least);
        known = true;
      }
      for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) {
        if (strcmp(name, doubles[k].name)) continue;
        *doubles[k].to = number(name, value, 0);
        known = true;
      }
      if (!known) fail("Unknown option", name);
      i++;
    }
  }
  if (!options.address) fail("Usage", "load ADDRESS [options]");
  if (options.depth > MAX_DEPTH) fail("Bad value of", "--depth");
  if (!options.connections) options.connections = options.exact ? 512 : 64;
}

int main(int argc, char **argv) {
  parse_options(argc, argv);
  raise_descriptor_limit();
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) fail("epoll_create1", strerror(errno));
  open_connections();
  return options.exact ? exact() : timed();
}
