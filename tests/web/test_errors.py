"""What is answered where nothing of ours answers."""


def test_an_address_that_leads_nowhere_is_said_in_the_readers_language(client, db):
    answer = client.get("/nowhere/", headers={"Accept-Language": "zh-CN"})
    assert answer.status_code == 404
    assert "此处没有内容" in answer.content.decode()
