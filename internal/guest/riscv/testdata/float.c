// Floating-point work of mixed kinds, for BenchmarkFloat. Built like integer.c,
// with -fno-math-errno.

typedef unsigned long u64;

static double a[16][16], b[16][16], c[16][16];
static float v[256];

__attribute__((naked, section(".text.unlikely"))) void _start(void)
{
	asm("call entry\n\tecall");
}

static __attribute__((noinline)) double multiply(void)
{
	double trace = 0;
	for (int i = 0; i < 16; i++)
		for (int j = 0; j < 16; j++) {
			double sum = 0;
			for (int k = 0; k < 16; k++)
				sum += a[i][k] * b[k][j];
			c[i][j] = sum;
		}
	for (int i = 0; i < 16; i++)
		trace += c[i][i];
	return trace;
}

static __attribute__((noinline)) float smooth(void)
{
	float peak = 0;
	for (int i = 1; i < 255; i++) {
		v[i] = (v[i - 1] + v[i] * 2.0f + v[i + 1]) / 4.0f;
		if (v[i] > peak)
			peak = v[i];
	}
	return peak;
}

__attribute__((used)) u64 entry(u64 n)
{
	double sum = 0;
	for (int i = 0; i < 16; i++)
		for (int j = 0; j < 16; j++) {
			a[i][j] = (i + 1) / (double)(j + 1);
			b[i][j] = __builtin_sqrt(i * 16 + j);
		}
	for (int i = 0; i < 256; i++)
		v[i] = (i * 37) % 101;
	for (u64 i = 0; i < n; i++)
		sum += multiply() + smooth();
	return (u64)(sum * 1024);
}
