"""The fixtures: documented, overridden one by one, and users' own beside them, in both forms."""

from __future__ import annotations

import pytest

from pytest_nemo_eval import plugin
from tests.fake_endpoint import serving
from tests.plugin.suites import right_up_to, task, write_suite, write_sums

SUFFIX = """
    import pytest

    @pytest.fixture
    def interceptors(interceptors):
        async def add_suffix(request, call_next):
            message = request.messages[-1]
            changed = type(message)(message.role, "%s " + message.content)
            return await call_next(request.replace(messages=(changed,)))
        return [*interceptors, add_suffix]
"""
PYTHON = """
    def test_sums(run_benchmark):
        run_benchmark("sums", dataset="sums.jsonl", prompt="What is {question}?", scorer="includes")
"""


def test_all_are_documented(pytester: pytest.Pytester) -> None:
    text = pytester.runpytest_subprocess("--fixtures").stdout.str()
    for name in plugin.__all__:
        line = next(line for line in text.splitlines() if line.startswith((f"{name} --", f"{name} [")))
        following = text.partition(line + "\n")[2].splitlines()[0]
        assert len(following.split()) > 5, name


def test_two_folders_with_different_interceptors(pytester: pytest.Pytester) -> None:
    """A chain of session scope would give the second folder that of the first."""
    for folder in ("first", "second"):
        path = pytester.mkpydir(folder)
        (path / "conftest.py").write_text("".join(line[4:] for line in (SUFFIX % folder).splitlines(keepends=True)))
        write_sums(path)
        (path / "eval_it.yaml").write_text(f"evaluation:\n  tasks:\n{task()}")
        (path / "test_it.py").write_text("".join(line[4:] for line in PYTHON.splitlines(keepends=True)))
    write_suite(pytester, task())
    with serving(right_up_to(10)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}")
    result.assert_outcomes(passed=5)
    asked = [str(request["messages"][-1]["content"]).split()[0] for request in fake.requests]
    assert {word: asked.count(word) for word in asked} == {"first": 20, "second": 20, "What": 10}


def test_a_module_and_a_class_override_too(pytester: pytest.Pytester) -> None:
    write_sums(pytester.path)
    pytester.makepyfile(
        """
        import pytest

        def mark(word):
            async def interceptor(request, call_next):
                response = await call_next(request)
                return response.replace(text=response.text + word)
            return interceptor

        @pytest.fixture
        def interceptors():
            return [mark(" module")]

        class TestClass:
            @pytest.fixture
            def interceptors(self, interceptors):
                return [*interceptors, mark(" class")]

            def test_class(self, eval_client):
                assert eval_client.ask("1+1").text == "It is 2 class module"

        def test_module(eval_client):
            assert eval_client.ask("1+1").text == "It is 2 module"
        """
    )
    with serving(right_up_to(10)) as fake:
        pytester.runpytest_subprocess(f"--model-url={fake.url}").assert_outcomes(passed=2)


def test_an_endpoint_of_the_users_own(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(gate=0.5))
    with serving(right_up_to(7)) as fake:
        pytester.makeconftest(
            f"""
            import pytest
            from pytest_nemo_eval import Endpoint, Secret

            @pytest.fixture
            def eval_endpoint():
                return Endpoint("{fake.url}", "theirs", api_key=Secret("sk-of-the-gateway"))
            """
        )
        result = pytester.runpytest_subprocess()
    assert result.ret == 0, result.stdout.str()
    assert {request["model"] for request in fake.requests} == {"theirs"}
    assert {headers["authorization"] for headers in fake.headers} == {"Bearer sk-of-the-gateway"}


def test_settings_of_the_users_own(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(gate=0.5))
    pytester.makeconftest(
        """
        import msgspec, pytest

        @pytest.fixture(scope="session")
        def eval_settings(eval_settings):
            return msgspec.structs.replace(eval_settings, limit=3)
        """
    )
    with serving(right_up_to(7)) as fake:
        assert pytester.runpytest_subprocess(f"--model-url={fake.url}").ret == 0
    assert len(fake.requests) == 3


def test_users_fixtures_of_every_scope_work_with_suite_files(pytester: pytest.Pytester) -> None:
    scopes = ["session", "package", "module", "class", "function"]
    pytester.makeconftest(
        "import pytest\n"
        + "".join(
            f"@pytest.fixture(scope={scope!r}, autouse=True)\n"
            f"def {scope}_scoped():\n    print('set up', {scope!r})\n    yield\n    print('torn down', {scope!r})\n"
            for scope in scopes
        )
        + "@pytest.fixture\ndef run_benchmark(run_benchmark, tmp_path, request):\n"
        "    assert request.module and tmp_path.is_dir()\n    return run_benchmark\n"
    )
    write_suite(pytester, task(), task("again"))
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}", "-s")
    result.assert_outcomes(passed=2)
    text = result.stdout.str()
    counts = {scope: (text.count(f"set up {scope}"), text.count(f"torn down {scope}")) for scope in scopes}
    assert counts == {
        "session": (1, 1),
        "package": (1, 1),
        "module": (1, 1),
        "class": (2, 2),
        "function": (2, 2),
    }


def test_parametrized_fixtures_and_generated_tests_with_suite_files(pytester: pytest.Pytester) -> None:
    matrix = "      matrix: {repeats: [1, 2]}\n"
    write_suite(pytester, task("sums:a-1"), task("cells", more=matrix), task("generated"))
    with serving(right_up_to(7)) as fake:
        pytester.makeconftest(
            f"""
            import pytest
            from pytest_nemo_eval import Endpoint

            @pytest.fixture(params=["one", "two"])
            def eval_endpoint(request):
                return Endpoint("{fake.url}", request.param)

            @pytest.fixture(params=["plain", "sys"])
            def interceptors(request):
                async def mark(call, call_next):
                    changed = [type(m)(m.role, request.param + " " + m.content) for m in call.messages]
                    return await call_next(call.replace(messages=tuple(changed)))
                return [mark]

            @pytest.fixture(autouse=True, params=["auto"], scope="module")
            def own(request):
                assert request.module.__file__.endswith("eval_it.yaml")

            def pytest_generate_tests(metafunc):
                if metafunc.definition.name == "generated":
                    metafunc.fixturenames.append("further")
                    metafunc.parametrize("further", ["x"])
            """
        )
        result = pytester.runpytest_subprocess("-v", "-n", "2", "-k", "not two or plain", "--eval-limit=1")
    assert result.ret == 0, result.stdout.str()
    places = [f"{model}-{chain}" for model in ("one", "two") for chain in ("plain", "sys")]
    places.remove("two-sys")
    ids = {line.split("eval_it.yaml::")[1].split()[0] for line in result.outlines if "PASS" in line or "MEAS" in line}
    wanted = {f"sums:a-1[auto-{place}]" for place in places}
    wanted |= {f"cells[{cell}-auto-{place}]" for cell in "12" for place in places}
    assert ids == wanted | {f"generated[auto-{place}-x]" for place in places}
    asked = {f"{request['model']}-{str(request['messages'][-1]['content']).split()[0]}" for request in fake.requests}
    assert asked == set(places)
    assert len(fake.requests) == 3 * (1 + 1 + 2 + 1)


def test_parametrized_evaluations(pytester: pytest.Pytester) -> None:
    write_sums(pytester.path)
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("limit", [2, 4])
        def test_sums(run_benchmark, limit):
            result = run_benchmark("sums", dataset="sums.jsonl", prompt="{question}", scorer="includes", limit=limit)
            assert result.n == limit
        """
    )
    with serving(right_up_to(7)) as fake:
        pytester.runpytest_subprocess(f"--model-url={fake.url}").assert_outcomes(passed=2)


def test_an_interceptor_that_raises_is_an_error(pytester: pytest.Pytester) -> None:
    write_suite(pytester, task(gate=0.5))
    pytester.makeconftest(
        """
        import pytest

        async def broken(request, call_next):
            raise ValueError("no such thing")

        @pytest.fixture
        def interceptors():
            return [broken]
        """
    )
    with serving(right_up_to(7)) as fake:
        result = pytester.runpytest_subprocess(f"--model-url={fake.url}")
    assert result.ret == 7
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the interceptor * raised ValueError('no such thing')*"])
