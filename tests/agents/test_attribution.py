from __future__ import annotations

import pytest

from agents.attribution import Attribution, ProcessFacts, Rule, script_of, unit_of


def facts(name: str, executable: str = "", script: str = "", unit: str = "") -> ProcessFacts:
    return ProcessFacts(1, name, executable, script, "", unit)


@pytest.mark.parametrize(
    ("process", "application"),
    [
        (facts("sshd", "/usr/sbin/sshd"), "ssh"),
        (facts("nginx", "/usr/sbin/nginx"), "nginx"),
        (facts("nginx", "/usr/sbin/nginx (deleted)"), "nginx"),
        (facts("python3", "/usr/bin/python3.11", "/opt/shop/webshop.py"), "webshop"),
        (facts("webshop.py", "/usr/bin/python3.11", "/opt/shop/webshop.py"), "webshop"),
        (facts("averylongscript", "/usr/bin/python3.11", "/opt/averylongscriptname.py"), "averylongscriptname"),
        (facts("gunicorn: maste", "/usr/bin/python3.11", "/usr/bin/gunicorn"), "gunicorn: maste"),
        (facts("anemone-agent", "/opt/anemone/bin/python3.11", "/opt/anemone/bin/anemone-agent"), "anemone-agent"),
        (facts("python3", "/usr/bin/python3.11", "agents.cli"), "anemone-agent"),
        (facts("java", "/usr/lib/jvm/bin/java", "Kafka"), "Kafka"),
        (facts("bash", "/usr/bin/bash"), "bash"),
        (facts("voipd", "/tmp/programs/voipd"), "voipd"),
        (facts("kworker", ""), "kworker"),
    ],
)
def test_names_without_rules(process: ProcessFacts, application: str) -> None:
    assert Attribution().of_process(process, 0) == application


def test_rules_come_first_and_in_order() -> None:
    rules = [
        Rule("billing-admin", process="java*", unit="billing-*.service", port=8444),
        Rule("billing", process="java*", unit="billing-*.service"),
        Rule("https-anything", port=443),
    ]
    attribution = Attribution(rules)
    java = facts("java", "/usr/bin/java", "Main", "billing-7.service")
    assert attribution.of_process(java, 8444) == "billing-admin"
    assert attribution.of_process(java, 8443) == "billing"
    assert attribution.of_process(facts("curl", "/usr/bin/curl"), 443) == "https-anything"
    assert attribution.of_process(facts("curl", "/usr/bin/curl"), 80) == "curl"
    assert (attribution.minds_port(443), attribution.minds_port(80)) == (True, False)


def test_by_port_alone() -> None:
    attribution = Attribution([Rule("ours", port=9999), Rule("never", port=53, process="x")])
    assert attribution.of_port(17, 53) == "dns"
    assert attribution.of_port(1, 0) == "icmp"
    assert attribution.of_port(6, 9999) == "ours"
    assert attribution.of_port(6, 40000) == ""


@pytest.mark.parametrize(
    ("words", "script"),
    [
        (["python3", "-u", "/x/shop.py", "--port", "1"], "/x/shop.py"),
        (["python3", "-m", "http.server"], "http.server"),
        (["python3", "-W", "ignore", "a.py"], "a.py"),
        (["python3", "-c", "print(1)", "x"], ""),
        (["/usr/bin/perl", "-w", "b.pl"], "b.pl"),
        (["java", "-Xmx1g", "-cp", "/a:/b", "org.apache.kafka.Kafka", "c.properties"], "Kafka"),
        (["java", "-jar", "/opt/app.jar"], "/opt/app.jar"),
        (["bash"], ""),
        ([], ""),
    ],
)
def test_scripts(words: list[str], script: str) -> None:
    assert script_of(words) == script


def test_units() -> None:
    assert unit_of("/system.slice/nginx.service") == "nginx.service"
    assert unit_of("/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope") == "x.scope"
    assert unit_of("/system.slice/x.service/sub") == "x.service"
    assert unit_of("/") == ""
