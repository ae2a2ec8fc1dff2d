"""Names become addresses, and no name waits for another."""

import asyncio

import pytest

from appsentry_server.checks.resolver import NameNotFound, NameTimeout, Resolver


@pytest.fixture
def hosts(tmp_path, monkeypatch):
    file = tmp_path / "hosts"
    file.write_text("127.0.0.9 fixed.example\n")
    monkeypatch.setenv("CARES_HOSTS", str(file))


def test_a_name_is_asked_for_once_and_kept_for_its_ttl(run, dns, held_clock):
    async def main():
        async with dns() as server:
            server.names["app.test"] = ["127.0.0.2"]
            server.ttl = 30
            clock = held_clock()
            resolver = Resolver(servers=[server.address], clock=clock)
            answers = await asyncio.gather(*(resolver.resolve("app.test", 5) for _ in range(20)))
            kept = resolver.known("app.test")
            asked = len(server.asked)
            clock.at = 31.0
            expired = resolver.known("app.test")
            await resolver.resolve("app.test", 5)
            await resolver.close()
            return set(answers), kept, asked, expired, len(server.asked)

    answers, kept, asked, expired, asked_again = run(main())

    assert answers == {("127.0.0.2",)}
    assert kept == ("127.0.0.2",)
    assert asked == 2  # A and AAAA
    assert expired is None
    assert asked_again == 4


def test_a_long_ttl_is_cut_and_a_ttl_of_zero_lasts_a_moment(run, dns, held_clock):
    async def main():
        async with dns() as server:
            clock = held_clock()
            resolver = Resolver(servers=[server.address], clock=clock)
            server.names["app.test"] = ["127.0.0.2"]
            server.ttl = 1_000_000
            await resolver.resolve("app.test", 5)
            server.names["brief.test"] = ["127.0.0.2"]
            server.ttl = 0
            await resolver.resolve("brief.test", 5)
            brief = resolver.known("brief.test")
            clock.at = 301.0
            await resolver.close()
            return brief, resolver.known("app.test"), resolver.known("brief.test")

    assert run(main()) == (("127.0.0.2",), None, None)


def test_an_unknown_name_is_not_found_and_found_soon_after_it_exists(run, dns, held_clock):
    async def main():
        async with dns() as server:
            clock = held_clock()
            resolver = Resolver(servers=[server.address], clock=clock)
            for _ in range(3):
                with pytest.raises(NameNotFound, match=r"expected an address for app\.test"):
                    await resolver.resolve("app.test", 5)
            asked = server.asked.count("app.test")
            server.names["app.test"] = ["127.0.0.2"]
            clock.at = 11.0
            found = await resolver.resolve("app.test", 5)
            await resolver.close()
            return asked, found

    asked, found = run(main())

    assert asked <= 2
    assert found == ("127.0.0.2",)


@pytest.mark.parametrize("name", ["a..b", "x" * 70 + ".test", "has space.test"])
def test_a_name_that_cannot_exist_is_not_found(run, dns, name):
    async def main():
        async with dns() as server:
            resolver = Resolver(servers=[server.address])
            with pytest.raises(NameNotFound):
                await resolver.resolve(name, 5)
            await resolver.close()

    run(main())


def test_a_server_that_fails_is_no_proof_that_the_name_is_gone(run, dns):
    async def main():
        async with dns() as server:
            server.broken.add("app.test")
            resolver = Resolver(servers=[server.address])
            with pytest.raises(NameTimeout, match=r"no usable answer from DNS"):
                await resolver.resolve("app.test", 5)
            await resolver.close()

    run(main())


def test_twenty_hanging_names_do_not_delay_one_from_the_hosts_file_nor_the_closing(run, dns, hosts):
    async def main():
        async with dns() as server:
            resolver = Resolver(servers=[server.address])
            names = [f"n{n}.silent.test" for n in range(20)]
            hanging = [asyncio.create_task(resolver.resolve(name, 60)) for name in names]
            await server.heard(*names)
            fixed = await resolver.resolve("fixed.example", 60)
            still_hanging = not any(task.done() for task in hanging)
            await asyncio.wait_for(resolver.close(), 2)
            await asyncio.gather(*hanging, return_exceptions=True)
            return fixed, still_hanging

    assert run(main()) == (("127.0.0.9",), True)


def test_a_name_without_an_answer_times_out_for_each_who_waits(run, dns):
    async def main():
        async with dns() as server:
            resolver = Resolver(servers=[server.address], look_up_s=0.3)
            impatient = asyncio.create_task(resolver.resolve("a.silent.test", 0.05))
            with pytest.raises(NameTimeout, match=r"expected an address for a\.silent\.test within 0\.3 s"):
                await resolver.resolve("a.silent.test", 60)
            with pytest.raises(NameTimeout, match=r"within 0\.05 s"):
                await impatient
            await resolver.close()

    run(main())


def test_one_who_gives_up_does_not_take_the_look_up_from_the_others(run, dns):
    async def main():
        async with dns() as server:
            server.silent.add("app.test")
            resolver = Resolver(servers=[server.address])
            gone = asyncio.create_task(resolver.resolve("app.test", 10))
            stays = asyncio.create_task(resolver.resolve("app.test", 10))
            await server.heard("app.test")
            server.silent.clear()
            server.names["app.test"] = ["127.0.0.2"]
            gone.cancel()
            found = await stays
            await resolver.close()
            return found, gone.cancelled()

    assert run(main()) == (("127.0.0.2",), True)


@pytest.mark.parametrize("name", ["localhost", "app.localhost"])
def test_localhost_and_the_names_below_it_are_loopback_without_asking(run, dns, name):
    async def main():
        async with dns() as server:
            server.names[name] = ["192.0.2.1"]
            resolver = Resolver(servers=[server.address])
            found = await resolver.resolve(name, 5)
            await resolver.close()
            return found, server.asked

    found, asked = run(main())

    assert set(found) <= {"127.0.0.1", "::1"}
    assert "127.0.0.1" in found
    assert asked == []


def test_literals_need_no_look_up():
    resolver = Resolver(servers=["127.0.0.1:9"])

    assert resolver.known("192.0.2.7") == ("192.0.2.7",)
    assert resolver.known("2001:DB8::1") == ("2001:db8::1",)
    assert resolver.known("example.org") is None
