// A person in Chromium: follows a link, logs in on the page that comes, and reads what they wanted.
//
// node browser.mjs FOLDER-WITH-NODE_MODULES CHROMIUM URL USER PICTURE; the password comes on standard input. Prints
// one JSON object: what the page and the browser said on the way.

import { pathToFileURL } from 'node:url'
import { readFileSync } from 'node:fs'

const [modules, chromium, url, user, picture] = process.argv.slice(2)
const password = readFileSync(0, 'utf8').trim()
const puppeteer = (await import(
  pathToFileURL(`${modules}/node_modules/puppeteer-core/lib/esm/puppeteer/puppeteer-core.js`))).default

const browser = await puppeteer.launch({
  executablePath: chromium,
  acceptInsecureCerts: true,
  // As root, Chromium has no sandbox; nothing but our own page is opened.
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
})
const told = { complaints: [] }
try {
  const page = await browser.newPage()
  page.on('console', (message) => told.complaints.push(message.text()))
  page.on('pageerror', (error) => told.complaints.push(String(error)))
  await page.setViewport({ width: 800, height: 600 })
  await page.goto(url)
  told.asked_at = page.url()
  told.title = await page.title()
  told.focused = await page.evaluate('document.activeElement.id')
  told.background = await page.evaluate('getComputedStyle(document.querySelector("button")).backgroundColor')
  await page.type('#name', user)
  await page.type('#password', 'not this one')
  await Promise.all([page.waitForNavigation(), page.click('button')])
  told.refused = await page.$eval('[role=alert]', (said) => said.textContent)
  await page.screenshot({ path: picture })
  await page.type('#name', user)
  await page.type('#password', password)
  await Promise.all([page.waitForNavigation(), page.click('button')])
  told.arrived_at = page.url()
  told.text = await page.evaluate('document.body.innerText')
  told.cookies_seen_by_scripts = await page.evaluate('document.cookie')
  told.cookies = (await page.cookies()).map(({ name, httpOnly, secure, sameSite, path }) =>
    ({ name, httpOnly, secure, sameSite, path }))
  await page.goto(new URL('/gateward/logout', url))
  await Promise.all([page.waitForNavigation(), page.click('button')])
  await page.goto(url)
  told.after_logout = page.url()
} finally {
  await browser.close()
}
console.log(JSON.stringify(told))
