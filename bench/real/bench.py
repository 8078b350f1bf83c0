# Dictionaries, lists, classes, generators, strings, regular expressions, JSON, large integers.
import collections
import hashlib
import json
import re


class Vector:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)


def primes(n):
    composite = bytearray(n)
    for i in range(2, n):
        if not composite[i]:
            yield i
            for k in range(i * i, n, i):
                composite[k] = 1


def queens(n, row=0, cols=0, left=0, right=0):
    if row == n:
        return 1
    count, free = 0, ~(cols | left | right) & ((1 << n) - 1)
    while free:
        bit = free & -free
        free ^= bit
        count += queens(n, row + 1, cols | bit, (left | bit) << 1, (right | bit) >> 1)
    return count


v = Vector(0, 0)
for i in range(200000):
    v = v + Vector(i, i * 0.5)
text = " ".join(f"key{i * 7919 % 1013}={i}" for i in range(100000))
count = collections.Counter(m.group(1) for m in re.finditer(r"(key\d+)=\d*[05]\b", text))
data = {k: [n, str(n), {"half": n / 2}] for k, n in count.items()}
for _ in range(40):
    data = json.loads(json.dumps(data, sort_keys=True))
print(v.x, v.y, sum(primes(500000)), queens(8), count.most_common(2))
print(hashlib.sha256(json.dumps(data).encode()).hexdigest(), pow(3, 5000) % (2**61 - 1), len(str(7**4000)))
