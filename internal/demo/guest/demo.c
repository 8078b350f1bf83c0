// The program behind `hospes --demo`: a riscv64 Linux program that does a little of
// everything a real one does, and shows it. Each part checks its result against a value
// that is known from elsewhere; main's exit status tells whether all agreed.
#include "sys.h"

static int failures;
static u64 begun;

static void title(const char *s)
{
	out("\n");
	out(s);
	out("\n");
	flush();
	begun = now_us();
}

// verdict ends a part: the time it took and whether its result is the known one.
static void verdict(int ok)
{
	out("  [");
	out_num((now_us() - begun) / 1000, 0);
	out(ok ? " ms, correct]\n" : " ms, WRONG]\n");
	failures += !ok;
	flush();
}

static void machine(void)
{
	char name[6][65];
	syscall(SYS_uname, name, 0, 0);
	out("This is a ");
	out(name[4]);
	out(" program on ");
	out(name[0]);
	out(" ");
	out(name[2]);
	out(", process ");
	out_num(syscall(SYS_getpid, 0, 0, 0), 0);
	out(".\n");
}

static int escape(double cr, double ci, int limit)
{
	double r = 0, i = 0;
	int n = 0;
	for (; n < limit && r * r + i * i < 4; n++) {
		double t = r * r - i * i + cr;
		i = 2 * r * i + ci;
		r = t;
	}
	return n;
}

static void mandelbrot(void)
{
	enum { WIDTH = 78, HEIGHT = 26, LIMIT = 20000 };
	static const char shade[] = " .,:;-~=+*coxOX%$#@";
	u64 sum = 0;
	title("Mandelbrot set (double precision):");
	for (int y = 0; y < HEIGHT; y++) {
		for (int x = 0; x < WIDTH; x++) {
			int n = escape(-2.2 + x * (3.1 / WIDTH), -1.25 + y * (2.5 / HEIGHT), LIMIT);
			sum += n;
			out_char(n == LIMIT ? '@' : shade[n < 18 ? n : 17]);
		}
		out("\n");
		flush();
	}
	verdict(sum == 8020819);
}

static void sieve(void)
{
	enum { LIMIT = 10000000 };
	static u8 composite[LIMIT + 1];
	u64 count = 0, last = 0;
	title("Sieve of Eratosthenes (bytes in memory):");
	for (u64 i = 2; i <= LIMIT; i++) {
		if (composite[i])
			continue;
		count++;
		last = i;
		for (u64 j = i * i; j <= LIMIT; j += i)
			composite[j] = 1;
	}
	out("  ");
	out_num(count, 0);
	out(" primes up to 10000000, the greatest is ");
	out_num(last, 0);
	out("\n");
	verdict(count == 664579 && last == 9999991);
}

static u32 rotate(u32 x, int n) { return x >> n | x << (32 - n); }

static void sha256_block(u32 state[8], const u8 *p, const u32 k[64])
{
	u32 w[64], s[8];
	for (int i = 0; i < 16; i++, p += 4)
		w[i] = (u32)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
	for (int i = 16; i < 64; i++) {
		u32 a = w[i - 15], b = w[i - 2];
		w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
		       (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
	}
	memcpy(s, state, sizeof s);
	for (int i = 0; i < 64; i++) {
		u32 a = s[0], e = s[4];
		u32 t1 = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & s[5]) ^ (~e & s[6])) + k[i] + w[i];
		u32 t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
		for (int j = 7; j > 0; j--)
			s[j] = s[j - 1];
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		state[i] += s[i];
}

// root_bits is the first 32 bits of the fraction of n's square (power 2) or cube (3)
// root, by bisection: the constants of SHA-256 are computed, not copied.
static u32 root_bits(u64 n, int power)
{
	u64 low = 0, high = 32UL << 32; // with 32 fraction bits
	while (high - low > 1) {
		u64 mid = low + (high - low) / 2;
		unsigned __int128 p = mid;
		for (int i = 1; i < power; i++)
			p *= mid;
		if (p >> 32 * power >= n)
			high = mid;
		else
			low = mid;
	}
	return (u32)low;
}

static void sha256(void)
{
	enum { BLOCKS = 15625 }; // of 64 bytes: a million times 'a', FIPS 180's third example
	static u8 text[64], tail[64];
	static const char want[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
	u32 state[8], k[64];
	char hex[65];
	title("SHA-256 of a million times 'a' (integer arithmetic):");
	for (u32 n = 2, found = 0; found < 64; n++) {
		u32 d = 2;
		while (n % d)
			d++;
		if (d != n)
			continue;
		k[found] = root_bits(n, 3);
		if (found < 8)
			state[found] = root_bits(n, 2);
		found++;
	}
	memset(text, 'a', sizeof text);
	for (int i = 0; i < BLOCKS; i++)
		sha256_block(state, text, k);
	tail[0] = 0x80;
	for (int i = 0; i < 8; i++)
		tail[63 - i] = BLOCKS * 512UL >> 8 * i;
	sha256_block(state, tail, k);
	for (int i = 0; i < 64; i++)
		hex[i] = "0123456789abcdef"[state[i / 8] >> (28 - i % 8 * 4) & 15];
	hex[64] = 0;
	out("  ");
	out(hex);
	out("\n");
	verdict(strcmp(hex, want) == 0);
}

enum { THREADS = 4, ROUNDS = 2000000 };
static u64 shared, own[THREADS];

static void adder(void *arg)
{
	u64 *mine = arg;
	for (u64 i = 1; i <= ROUNDS; i++) {
		*mine += i;
		__atomic_fetch_add(&shared, i, __ATOMIC_RELAXED);
	}
}

static void threads(void)
{
	static int alive[THREADS];
	const u64 each = (u64)ROUNDS * (ROUNDS + 1) / 2;
	u64 sum = 0;
	title("Four threads add to one counter (clone, futex, atomics):");
	for (int i = 0; i < THREADS; i++)
		if (thread(adder, &own[i], &alive[i]) < 0)
			out("  clone failed\n");
	for (int i = 0; i < THREADS; i++) {
		join(&alive[i]);
		sum += own[i];
	}
	out("  counter ");
	out_num(shared, 0);
	out(", sum of the threads' own ");
	out_num(sum, 0);
	out("\n");
	verdict(shared == sum && sum == THREADS * each);
}

int main(void)
{
	u64 start = now_us();
	machine();
	mandelbrot();
	sieve();
	sha256();
	threads();
	out("\nAll in ");
	out_num((now_us() - start) / 1000, 0);
	out(failures ? " ms; something went wrong.\n" : " ms, all correct.\n");
	flush();
	return failures != 0;
}

// The freshness test looks for this in the committed binary.
__attribute__((used)) const char source_digest[] = "hospes demo sources " SOURCE_DIGEST;
