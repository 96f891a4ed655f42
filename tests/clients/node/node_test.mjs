// node_test.mjs: node-postgres, with TLS of node's own, through every login; see stage.py.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import pg from 'pg'

const stage = JSON.parse(process.env.STAGE)
const ca = readFileSync(stage.ca, 'utf8')
const certificate = { cert: readFileSync(stage.certificate), key: readFileSync(stage.key) }
const other = { cert: readFileSync(stage.other_certificate), key: readFileSync(stage.other_key) }
const accounts = 20
const tests = []
const test = (name, body) => tests.push({ name, body })

const words = (user, more = {}) => ({
  host: stage.host, port: stage.port, database: stage.database, user, password: stage.password,
  connectionTimeoutMillis: 30000, ...more, ssl: { ca, rejectUnauthorized: true, ...more.ssl },
})

// Connects, lets `body` use it, and closes.
async function connected(user, body, more) {
  const client = new pg.Client(words(user, more))
  client.on('error', () => {})  // Told by the query that it hits.
  await client.connect()
  try {
    return await body(client)
  } finally {
    await client.end()
  }
}

const userOf = async client => (await client.query('SELECT current_user AS me')).rows[0].me
const comesIn = (user, more) => connected(user, async c => assert.equal(await userOf(c), user), more)
const refused = (why, user, more) => assert.rejects(connected(user, async () => {}, more), why)

test('TLS verified against the right authority, 1.2 and 1.3', async () => {
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const ssl = { minVersion: version, maxVersion: version }
    await connected('by_scram', async client => {
      assert.equal(client.connection.stream.getProtocol(), version)
      assert.equal(client.connection.stream.authorized, true)
      assert.equal(await userOf(client), 'by_scram')
    }, { ssl })
  }
})

test('another authority is refused by the client', () =>
  refused(/certificate/, 'by_scram', { ssl: { ca: readFileSync(stage.stranger_ca) } }))

test('SCRAM-SHA-256-PLUS, where the client wants its channel bound', () =>
  comesIn('by_scram', { enableChannelBinding: true }))

test('SCRAM, md5, a password in clear text, and a user that auth_query finds', async () => {
  for (const user of ['by_scram', 'by_md5', 'by_plain', 'by_query']) await comesIn(user)
})

test('a wrong password is 28P01, for every login and for a user nobody knows', async () => {
  for (const user of ['by_scram', 'by_md5', 'by_plain', 'by_query', 'nobody']) {
    await refused({ code: '28P01' }, user, { password: 'wrong' })
  }
})

test('a certificate that names the user lets in; another does not, nor does none', async () => {
  await comesIn('by_cert', { port: stage.cert_port, ssl: certificate })
  await refused({ code: '28000' }, 'by_cert', { port: stage.cert_port, ssl: other })
  await refused({ code: '28000' }, 'by_plain', { port: stage.cert_port, ssl: certificate })
  await refused(/certificate required|terminated/, 'by_cert', { port: stage.cert_port })
})

test('commit, rollback, and an error that has to be rolled back', () =>
  connected('by_scram', async client => {
    const held = async () =>
      (await client.query('SELECT held FROM account WHERE id = $1', [1])).rows[0].held
    for (const end of ['COMMIT', 'ROLLBACK']) {
      await client.query('BEGIN')
      await client.query('UPDATE account SET held = held + 5 WHERE id = 1')
      await client.query(end)
      assert.equal(await held(), 105)
    }
    await client.query('BEGIN')
    await assert.rejects(client.query('SELECT 1/0'), { code: '22012' })
    await assert.rejects(client.query('SELECT 1'), { code: '25P02' })
    await client.query('ROLLBACK')
    await client.query('UPDATE account SET held = 100 WHERE id = 1')
    const sum = await client.query('SELECT sum(held)::int AS all FROM account')
    assert.equal(sum.rows[0].all, 100 * accounts)
  }))

test('200 queries put at once on one connection, and rows longer than a TLS record', () =>
  connected('by_scram', async client => {
    const asked = Array.from({ length: 200 }, (_, i) => client.query('SELECT $1::int AS i', [i]))
    assert.deepEqual((await Promise.all(asked)).map(r => r.rows[0].i), [...asked.keys()])
    const text = 'x'.repeat(300000)
    assert.equal((await client.query('SELECT $1::text AS t', [text])).rows[0].t, text)
  }))

test('50 connections at once, each with a transaction on a row that all want', async () => {
  const users = ['by_scram', 'by_md5', 'by_plain', 'by_query', 'by_scram']
  await Promise.all(Array.from({ length: 50 }, (_, i) => connected(users[i % 5], async client => {
    await client.query('BEGIN')
    const { rows } = await client.query('SELECT held FROM account WHERE id = 2 FOR UPDATE')
    await client.query('UPDATE account SET held = $1 WHERE id = 2', [rows[0].held + 1])
    await client.query('COMMIT')
  })))
  await connected('by_scram', async client => {
    const { rows } = await client.query('SELECT held FROM account WHERE id = 2')
    assert.equal(rows[0].held, 150)
  })
})

test('a changed password is good at once, and the old one no more', () =>
  connected('by_query', async before => {
    const straight = new pg.Client({ host: stage.host, port: stage.server_port, user: 'postgres',
                                     database: stage.database })
    await straight.connect()
    await straight.query("ALTER ROLE by_query PASSWORD 'quite another'")
    await straight.end()
    await comesIn('by_query', { password: 'quite another' })
    await refused({ code: '28P01' }, 'by_query')
    assert.equal(await userOf(before), 'by_query')
  }))

console.log(`1..${tests.length}`)
let good = true
for (const [at, { name, body }] of tests.entries()) {
  try {
    await body()
    console.log(`ok ${at + 1} - ${name}`)
  } catch (fault) {
    good = false
    console.log(`not ok ${at + 1} - ${name}\n${String(fault?.stack ?? fault).replace(/^/gm, '# ')}`)
  }
}
process.exit(good ? 0 : 1)
