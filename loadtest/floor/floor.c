/*
 * The floor: the cost of a server that reads and writes each client once a tick, and
 * nothing else. No game, no state, no memory management: one thread, one read() and one
 * write() per client and tick.
 *
 * It implements as much of WebSocket and of the Tactus protocol as the load tester
 * needs. It answers the handshake and sends a given welcome. Then it sends a frame of a
 * given size each tick, with the tick and the newest input that it has read.
 *
 *   floor PORT RATE GROUPS WELCOME FRAME
 *
 * GROUPS spreads the clients over so many moments of a tick, as matches are spread. 1
 * serves all at the same moment. WELCOME and FRAME are files: two WebSocket
 * frames, each complete with its head. FRAME starts, after its head, with a
 * MessagePack array head and a type of one byte, the tick as a uint32 (0xce), a
 * byte, and the input's number as a uint32 (0xce); the rest is sent as it is.
 *
 * Linux only. It trusts its clients.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CLIENTS = 20000, ROOM = 2048, MAX_FRAME = 1 << 17 };

enum stage { FREE, HANDSHAKE, HELLO, PLAYING };

struct client {
	enum stage stage;
	int fd;
	uint32_t seq;      /* newest input */
	uint32_t kept;     /* bytes of an incomplete frame or request */
	uint8_t rest[ROOM];
};

static struct client clients[MAX_CLIENTS];
static int used; /* no client at or above it is in use */

static uint8_t welcome[MAX_FRAME], frame[MAX_FRAME];
static size_t welcome_size, frame_size;
static uint8_t *tick_place, *seq_place;

static void die(const char *what) {
	perror(what);
	exit(1);
}

/* SHA-1 (FIPS 180-4), for the handshake only. */
static uint32_t rotate(uint32_t x, int n) { return x << n | x >> (32 - n); }

static void sha1_block(uint32_t h[5], const uint8_t *block) {
	uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
	for (int i = 0; i < 16; i++) {
		w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
	}
	for (int i = 16; i < 80; i++) {
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	}
	for (int i = 0; i < 80; i++) {
		uint32_t f, k;
		if (i < 20) {
			f = (b & c) | (~b & d), k = 0x5a827999;
		} else if (i < 40) {
			f = b ^ c ^ d, k = 0x6ed9eba1;
		} else if (i < 60) {
			f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
		} else {
			f = b ^ c ^ d, k = 0xca62c1d6;
		}
		uint32_t next = rotate(a, 5) + f + e + k + w[i];
		e = d, d = c, c = rotate(b, 30), b = a, a = next;
	}
	h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}

/* sha1 hashes fewer than 120 bytes. */
static void sha1(const char *text, size_t n, uint8_t out[20]) {
	uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	uint8_t block[128] = {0};
	size_t size = n < 56 ? 64 : 128;
	memcpy(block, text, n);
	block[n] = 0x80;
	block[size - 2] = (uint8_t)(n * 8 >> 8), block[size - 1] = (uint8_t)(n * 8);
	sha1_block(h, block);
	if (size == 128) {
		sha1_block(h, block + 64);
	}
	for (int i = 0; i < 20; i++) {
		out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
	}
}

static void base64(const uint8_t in[20], char out[29]) {
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (int i = 0, o = 0; i < 21; i += 3, o += 4) {
		uint32_t v = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | (i + 2 < 20 ? in[i + 2] : 0);
		for (int k = 0; k < 4; k++) {
			out[o + k] = digits[v >> (18 - 6 * k) & 63];
		}
	}
	out[27] = '=', out[28] = 0;
}

static void drop(struct client *c) {
	close(c->fd);
	c->stage = FREE;
}

/* send_all writes a few bytes to a socket whose buffer is empty or nearly so;
   what does not go is the end of that client. */
static void send_all(struct client *c, const void *bytes, size_t n) {
	if (write(c->fd, bytes, n) != (ssize_t)n) {
		drop(c);
	}
}

static void shake_hands(struct client *c) {
	static const char field[] = "sec-websocket-key:", guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	c->rest[c->kept < ROOM ? c->kept : ROOM - 1] = 0;
	char *request = (char *)c->rest;
	if (strstr(request, "\r\n\r\n") == NULL) {
		return;
	}
	char *key = strcasestr(request, field);
	if (key == NULL) {
		drop(c);
		return;
	}
	key += strlen(field);
	key += strspn(key, " ");
	size_t n = strcspn(key, " \r\n");
	char text[100], digest[29], answer[256];
	uint8_t hash[20];
	if (n > 60) {
		drop(c);
		return;
	}
	memcpy(text, key, n);
	memcpy(text + n, guid, sizeof guid - 1);
	sha1(text, n + sizeof guid - 1, hash);
	base64(hash, digest);
	int size = snprintf(answer, sizeof answer,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: tactus.v1\r\n\r\n", digest);
	c->stage = HELLO, c->kept = 0;
	send_all(c, answer, (size_t)size);
}

/* input_number reads the second element of a masked input message: an array
   head, the type, and the number in the shortest form. */
static uint32_t input_number(const uint8_t *mask, const uint8_t *p) {
	uint8_t b[8];
	for (int i = 0; i < 8; i++) {
		b[i] = p[i] ^ mask[i & 3];
	}
	switch (b[2]) {
	case 0xcc:
		return b[3];
	case 0xcd:
		return (uint32_t)b[3] << 8 | b[4];
	case 0xce:
		return (uint32_t)b[3] << 24 | (uint32_t)b[4] << 16 | (uint32_t)b[5] << 8 | b[6];
	default:
		return b[2];
	}
}

/* take_frames handles the complete frames at p and returns how many bytes they
   were. Clients' frames here are masked and shorter than 64 KiB. */
static size_t take_frames(struct client *c, const uint8_t *p, size_t n) {
	size_t at = 0;
	while (n - at >= 6 && c->stage != FREE) {
		const uint8_t *f = p + at;
		size_t head = 6, size = f[1] & 0x7f;
		if (size == 126) {
			head = 8, size = (size_t)f[2] << 8 | f[3];
		}
		if (n - at < head + size) {
			break;
		}
		at += head + size;
		if ((f[0] & 0x0f) == 8) {
			drop(c);
		} else if (c->stage == HELLO) {
			c->stage = PLAYING;
			send_all(c, welcome, welcome_size);
		} else if (size >= 8) {
			c->seq = input_number(f + head - 4, f + head);
		}
	}
	return at;
}

/* poll_client is the one read of a client's tick. */
static void poll_client(struct client *c) {
	ssize_t n = read(c->fd, c->rest + c->kept, ROOM - 1 - c->kept);
	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			drop(c);
		}
		return;
	}
	c->kept += (uint32_t)n;
	if (c->stage == HANDSHAKE) {
		shake_hands(c);
		return;
	}
	size_t taken = take_frames(c, c->rest, c->kept);
	if (taken < c->kept) {
		memmove(c->rest, c->rest + taken, c->kept - taken);
	}
	c->kept -= (uint32_t)taken;
}

static void put_uint32(uint8_t *p, uint32_t v) {
	p[0] = (uint8_t)(v >> 24), p[1] = (uint8_t)(v >> 16), p[2] = (uint8_t)(v >> 8), p[3] = (uint8_t)v;
}

/* write_client is the one write; a socket that takes nothing is left out. */
static void write_client(struct client *c) {
	put_uint32(seq_place, c->seq);
	ssize_t n = write(c->fd, frame, frame_size);
	if (n != (ssize_t)frame_size && !(n < 0 && errno == EAGAIN)) {
		drop(c);
	}
}

static void serve(int group, int groups, uint32_t tick) {
	for (int i = group; i < used; i += groups) {
		if (clients[i].stage != FREE) {
			poll_client(&clients[i]);
		}
	}
	put_uint32(tick_place, tick);
	for (int i = group; i < used; i += groups) {
		if (clients[i].stage == PLAYING) {
			write_client(&clients[i]);
		}
	}
}

static void accept_all(int listener) {
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			return;
		}
		int place = 0, on = 1;
		while (place < used && clients[place].stage != FREE) {
			place++;
		}
		if (place == MAX_CLIENTS) {
			close(fd);
			continue;
		}
		used = place == used ? used + 1 : used;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		clients[place] = (struct client){.stage = HANDSHAKE, .fd = fd};
	}
}

static int listen_on(int port) {
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0) {
		die("socket");
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&addr, sizeof addr) != 0 || listen(fd, 4096) != 0) {
		die("listen");
	}
	return fd;
}

static size_t load(const char *path, uint8_t *into) {
	FILE *f = fopen(path, "rb");
	if (f == NULL) {
		die(path);
	}
	size_t n = fread(into, 1, MAX_FRAME, f);
	fclose(f);
	return n;
}

/* place_fields finds the words to be set behind the head of the frame. */
static void place_fields(void) {
	size_t head = frame[1] < 126 ? 2 : frame[1] == 126 ? 4 : 10;
	tick_place = frame + head + 3, seq_place = frame + head + 9;
	if (frame_size < head + 16 || tick_place[-1] != 0xce || seq_place[-1] != 0xce) {
		fprintf(stderr, "floor: the frame is not what it should be\n");
		exit(2);
	}
}

int main(int argc, char **argv) {
	if (argc != 6 || atoi(argv[2]) < 1 || atoi(argv[3]) < 1) {
		fprintf(stderr, "usage: floor PORT RATE GROUPS WELCOME FRAME\n");
		return 2;
	}
	int rate = atoi(argv[2]), groups = atoi(argv[3]);
	welcome_size = load(argv[4], welcome);
	frame_size = load(argv[5], frame);
	place_fields();
	signal(SIGPIPE, SIG_IGN);
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	int listener = listen_on(atoi(argv[1]));
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t start = now.tv_sec * 1000000000LL + now.tv_nsec;
	for (int64_t turn = 0;; turn++) {
		int64_t due = start + turn * 1000000000LL / rate / groups;
		struct timespec at = {.tv_sec = due / 1000000000LL, .tv_nsec = due % 1000000000LL};
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
		}
		int group = (int)(turn % groups);
		if (group == 0) {
			accept_all(listener);
		}
		serve(group, groups, (uint32_t)(0x10001 + turn / groups));
	}
}
