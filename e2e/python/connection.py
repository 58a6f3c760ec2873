"""An MCP session that outlives what goes wrong in it."""

import asyncio


def innermost(error):
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class Connection:
    """An MCP session in a task of its own: a handler that raises ends the SDK's task group, and only that task with it."""

    def __init__(self, client):
        self._jobs = asyncio.Queue()
        self._pending = asyncio.get_running_loop().create_future()
        self._opened = self._pending
        self._task = asyncio.create_task(self._serve(client))

    async def _serve(self, client):
        try:
            async with client:
                self._pending.set_result(client)
                while (job := await self._jobs.get()) is not None:
                    work, self._pending = job
                    try:
                        self._pending.set_result(await work(client))
                    except Exception as error:
                        self._pending.set_exception(error)
        except BaseException as error:
            if self._pending.done():
                raise
            self._pending.set_exception(innermost(error))

    @property
    def alive(self):
        return not self._task.done()

    async def opened(self):
        return await self._opened

    async def do(self, work):
        done = asyncio.get_running_loop().create_future()
        await self._jobs.put((work, done))
        return await done

    async def close(self):
        if self.alive:
            await self._jobs.put(None)
        await self._task
