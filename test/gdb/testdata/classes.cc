// Classes, containers, exceptions.
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

struct Shape {
	std::string name;
	virtual ~Shape() = default;
	virtual double area() const = 0;
};

struct Square : Shape {
	double side;
	Square(std::string n, double s) : side(s) { name = n; }
	double area() const override;
};

double Square::area() const
{
	if (side < 0)
		throw std::range_error("negative");
	return side * side;
}

template <class T> T sum(const std::vector<T> &list)
{
	T s = 0;
	for (auto v : list)
		s += v;
	return s;
}

int main()
{
	std::vector<double> areas;
	for (int i = 3; i >= -1; i--) {
		Square q("square" + std::to_string(i), i);
		try {
			areas.push_back(q.area());
		} catch (const std::exception &e) {
			std::printf("%s %s\n", q.name.c_str(), e.what());
		}
	}
	std::printf("%.0f\n", sum(areas));
}
