# SPDX-License-Identifier: Apache-2.0
"""A simulation of queues in small classes: constructors, methods, properties, comparisons, a heap."""

import heapq
import itertools
import sys


class Event:
    __slots__ = ("when", "order", "customer")
    orders = itertools.count()

    def __init__(self, when, customer):
        self.when = when
        self.order = next(self.orders)
        self.customer = customer

    def __lt__(self, other):
        return (self.when, self.order) < (other.when, other.order)


class Customer:
    def __init__(self, number):
        self.number = number
        self.visits = []

    def __hash__(self):
        return hash(self.number)

    def __eq__(self, other):
        return isinstance(other, Customer) and self.number == other.number

    @property
    def patience(self):
        return 3 + self.number % 5

    def visit(self, desk, when):
        self.visits.append((desk.name, when))
        return len(self.visits) < self.patience


class Desk:
    def __init__(self, name):
        self.name = name
        self.served = {}
        self.free_at = 0

    def __len__(self):
        return len(self.served)

    def serve(self, customer, when):
        self.served[customer] = self.served.get(customer, 0) + 1
        self.free_at = max(self.free_at, when) + self.takes(customer)
        return self.free_at

    def takes(self, customer):
        return 1 + customer.number % 4


class FastDesk(Desk):
    def takes(self, customer):
        return max(1, super().takes(customer) // 2)


def main(count):
    desks = [Desk("a"), FastDesk("b"), Desk("c"), FastDesk("d")]
    queue = []
    for number in range(count):
        heapq.heappush(queue, Event(number % 97, Customer(number)))
    while queue:
        event = heapq.heappop(queue)
        desk = min(desks, key=lambda one: one.free_at)
        when = desk.serve(event.customer, event.when)
        if event.customer.visit(desk, when):
            heapq.heappush(queue, Event(when, event.customer))
    print([(desk.name, len(desk), desk.free_at) for desk in desks])


main(int(sys.argv[1]))
