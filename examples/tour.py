# SPDX-License-Identifier: Apache-2.0
"""A small shop: orders come in, workers price them, a printer writes the bill.

    viztracer-native examples/tour.py

What to look for in the report: the recursion of `discounts`, four worker threads side by side, the
coroutines of `deliver` taking turns on one thread, the generator `orders` resumed once per order, and
the C functions (json, sha256, sorted) inside them.
"""

import asyncio
import hashlib
import json
import queue
import random
import threading

ITEMS = {"tea": 3.20, "coffee": 2.80, "cake": 4.50, "bread": 1.90, "soup": 5.60}


def orders(count):
    """Each order is made when it is asked for."""
    chance = random.Random(7)
    for number in range(count):
        basket = chance.choices(sorted(ITEMS), k=chance.randint(1, 6))
        yield {"number": number, "basket": basket}


def discounts(basket):
    """The best discount over all ways to split the basket in two. Deliberately recursive."""
    if len(basket) < 2:
        return 0.0
    whole = 0.05 * (len(set(basket)) == len(basket))
    return max(whole, *(discounts(basket[:i]) + discounts(basket[i:]) for i in range(1, len(basket))))


def price(order):
    total = sum(ITEMS[item] for item in order["basket"])
    order["total"] = round(total * (1 - discounts(order["basket"])), 2)
    order["seal"] = hashlib.sha256(json.dumps(order, sort_keys=True).encode()).hexdigest()[:8]
    return order


def worker(inbox, done):
    while (order := inbox.get()) is not None:
        done.append(price(order))


def price_all(count, workers=4):
    inbox, done = queue.Queue(), []
    threads = [threading.Thread(target=worker, args=(inbox, done), name=f"worker-{i}") for i in range(workers)]
    for thread in threads:
        thread.start()
    for order in orders(count):
        inbox.put(order)
    for _ in threads:
        inbox.put(None)
    for thread in threads:
        thread.join()
    return sorted(done, key=lambda order: order["number"])


async def deliver(order, street):
    async with street:  # three couriers
        await asyncio.sleep(0.001 * len(order["basket"]))
    return order["total"]


async def deliver_all(priced):
    street = asyncio.Semaphore(3)
    return await asyncio.gather(*(deliver(order, street) for order in priced))


def main():
    priced = price_all(count=60)
    totals = asyncio.run(deliver_all(priced))
    print(f"{len(priced)} orders, {sum(totals):.2f} in all, the dearest {max(totals):.2f}")


if __name__ == "__main__":
    main()
