// Allocation: blocks of many sizes that live for different times, trees that are built and
// taken down, strings and vectors that grow.
#include "bench.h"
#include <list>
#include <memory>
#include <string>
#include <vector>

struct Node {
	std::unique_ptr<Node> left, right;
	uint64_t value;
};

static std::unique_ptr<Node> tree(int depth, uint64_t *seed)
{
	auto n = std::make_unique<Node>();
	n->value = random64(seed);
	if (depth > 0) {
		n->left = tree(depth - 1, seed);
		n->right = tree(depth - 1, seed);
	}
	return n;
}

static uint64_t total(const Node *n)
{
	return n ? n->value + 3 * total(n->left.get()) + 5 * total(n->right.get()) : 1;
}

static uint64_t work(long scale)
{
	uint64_t seed = 23, sum = 0;
	std::vector<std::unique_ptr<char[]>> blocks(1024);
	for (long round = 0; round < scale * 6; round++) {
		for (int i = 0; i < 120000; i++) {
			uint64_t r = random64(&seed);
			size_t n = 8 + (r >> 40) % 500, at = r % blocks.size();
			blocks[at].reset(new char[n]);
			blocks[at][n - 1] = static_cast<char>(r >> 8);
			sum += static_cast<unsigned char>(blocks[at][n - 1]);
		}
		sum = sum * 31 + total(tree(15, &seed).get());
		std::list<std::string> list;
		for (int i = 0; i < 20000; i++) {
			list.push_back(std::string(1 + i % 60, 'x'));
			if (list.size() > 300)
				list.pop_front();
		}
		std::vector<uint64_t> grow;
		for (uint64_t i = 0; i < 100000; i++)
			grow.push_back(i * sum);
		sum += grow[sum % grow.size()] + list.back().size();
	}
	return sum;
}
