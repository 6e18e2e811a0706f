#!/usr/bin/env python3
"""What a plain client of asyncio and aiohttp does for each stream: reads lines, stamps the events,
parses their JSON and looks for text. Prints events for each second of its processor time.
usage: aiohttp-client.py URL STREAMS"""

import asyncio
import json
import resource
import sys
import time

import aiohttp


async def read_stream(session, url, stamps):
    async with session.post(url, json={}) as answer:
        async for line in answer.content:
            if not line.startswith(b"data:"):
                continue
            data = line[5:].strip()
            if data == b"[DONE]":
                break
            now = time.perf_counter()
            choices = json.loads(data)["choices"]
            if choices and choices[0]["delta"].get("content"):
                stamps.append(now)


async def main(url, streams):
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    stamps = []
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        await asyncio.gather(*(read_stream(session, url, stamps) for _ in range(streams)))
    return len(stamps)


events = asyncio.run(main(sys.argv[1], int(sys.argv[2])))
usage = resource.getrusage(resource.RUSAGE_SELF)
print(events / (usage.ru_utime + usage.ru_stime))
