// The C++ library: maps, hash maps, vectors of strings, sorting, heaps.
#include "bench.h"
#include <algorithm>
#include <map>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

static uint64_t work(long scale)
{
	uint64_t seed = 31, sum = 0;
	for (long round = 0; round < scale * 6; round++) {
		std::map<uint32_t, uint32_t> tree;
		std::unordered_map<std::string, uint64_t> count;
		std::vector<std::string> names;
		std::priority_queue<uint64_t> heap;
		for (int i = 0; i < 16000; i++) {
			uint64_t r = random64(&seed);
			tree[r >> 48]++;
			std::string name = "name" + std::to_string(r % 5000);
			count[name] += r & 15;
			if (i % 4 == 0)
				names.push_back(name + "/" + std::to_string(i));
			heap.push(r);
			if (heap.size() > 1000)
				heap.pop();
		}
		std::sort(names.begin(), names.end());
		for (const auto &[k, v] : tree)
			sum = sum * 31 + k * v;
		for (int i = 0; i < 5000; i++)
			sum += count["name" + std::to_string(i)];
		for (size_t i = 0; i < names.size(); i += 100)
			sum = sum * 31 + names[i].size() + static_cast<unsigned char>(names[i].back());
		sum ^= heap.top();
	}
	return sum;
}
