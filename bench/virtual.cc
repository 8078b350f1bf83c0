// Virtual calls on objects of several classes, std::function, and exceptions now and then.
#include "bench.h"
#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

struct Shape {
	virtual ~Shape() = default;
	virtual uint64_t area(uint64_t x) const = 0;
	virtual int corners() const { return 4; }
};
struct Square : Shape {
	uint64_t a;
	explicit Square(uint64_t a) : a(a) {}
	uint64_t area(uint64_t x) const override { return a * a + x; }
};
struct Box : Square {
	uint64_t b;
	Box(uint64_t a, uint64_t b) : Square(a), b(b) {}
	uint64_t area(uint64_t x) const override { return a * b ^ x; }
};
struct Triangle : Shape {
	uint64_t a, h;
	Triangle(uint64_t a, uint64_t h) : a(a), h(h) {}
	uint64_t area(uint64_t x) const override { return a * h / 2 + x; }
	int corners() const override { return 3; }
};

static uint64_t check(uint64_t n)
{
	if (n % 1009 == 0)
		throw std::out_of_range("n");
	return n >> 3;
}

static uint64_t work(long scale)
{
	uint64_t seed = 17, sum = 0;
	std::vector<std::unique_ptr<Shape>> shapes;
	for (int i = 0; i < 1000; i++) {
		uint64_t r = random64(&seed) >> 40;
		switch (r % 3) {
		case 0: shapes.push_back(std::make_unique<Square>(r)); break;
		case 1: shapes.push_back(std::make_unique<Box>(r, r / 2)); break;
		default: shapes.push_back(std::make_unique<Triangle>(r, r / 3));
		}
	}
	std::vector<std::function<uint64_t(uint64_t)>> steps = {
		[](uint64_t n) { return n + 1; },
		[&seed](uint64_t n) { return n ^ seed; },
		[&sum](uint64_t n) { return n + sum % 7; },
	};
	for (long round = 0; round < scale * 2700; round++) {
		for (const auto &s : shapes)
			sum = s->area(sum) + static_cast<uint64_t>(s->corners());
		for (int i = 0; i < 300; i++)
			sum = steps[i % 3](sum);
		try {
			sum += check(sum % 1000000);
		} catch (const std::out_of_range &) {
			sum ^= 0x55;
		}
	}
	return sum;
}
