// A shared library: its functions have no frame pointers.
unsigned long in_library(unsigned long n, unsigned long (*back)(unsigned long))
{
	unsigned long s = n;
	for (unsigned long i = 0; i < n; i++)
		s = s * 31 + (s >> 7);
	return s + back(n);
}
